"""An EDI gateway and the suppliers behind it, EDIFACT D.96A. What is read and written, segment by segment.

All messages: UNA optional; UNB+UNOC:3+<sender>+<recipient>+<yymmdd>:<hhmm>+<control reference>; one or more messages,
each UNH+<reference>+<type>:D:96A:UN ... UNT+<segments, these two included>+<reference>; UNZ+<messages>+<reference>.
`?` releases. Wrong counts or references, an unknown type, an unknown order: 422 with a text, nothing is processed.

READ
ORDERS  BGM+220+<order>+9, DTM+137, DTM+4, RFF+ON:<order>::<revision> (else revision 1), NAD+BY+<plant>,
        NAD+SU+<supplier>, CUX+2:<currency>, per line LIN+<line>++<item>:BP, QTY+21:<quantity>:<unit>, DTM+2:<date>:102,
        PRI+AAA:<price>:::<price unit>; UNS+S, CNT+2:<lines>
ORDCHG  BGM+230+<order>+4, RFF+ON:<order>::<revision>, the same heading and lines, whole; LIN+<line>+<1229>: 1 added,
        2 deleted, 3 changed, 4 no action. FTX+PUR+1++EXPEDITE in the heading or a line asks for the requested date
OSTENQ  BGM+347+<number>, RFF+ON:<order>::<revision>: the reminder
CONTRL  UCI+<reference>+<sender>+<recipient>+<0083>: what the buyer says of a document of ours; it is counted
Any other segment is passed over. A CNT+2 that is there must be the number of LIN.

WRITTEN
ORDRSP  BGM+231+<number>+<1225>+<4343>: 29+AP all as ordered, 27+RE all rejected, 4+AC see the lines
        DTM+137:<ccyymmddhhmmss>:204, RFF+ON:<order>::<revision>, NAD+SU+<supplier>::92, NAD+BY+<plant>::92,
        CUX+2:<currency>:9, per line
        LIN+<line>+<5 as ordered | 3 changed | 7 rejected | 2 deleted>+<item>:BP
        QTY+21:<ordered>:<unit>, then for one date QTY+113:<quantity>, QTY+83:<backordered, no date>,
        DTM+2:<requested>:102, DTM+67:<promised>:102, PRI+AAA:<price>:::<price unit>:<unit>;
        for several dates DTM+2 and PRI first, then for each SCC+1, QTY+113:<quantity>, DTM+67:<promised>:102,
        and SCC+1, QTY+83 for what is backordered
        UNS+S, CNT+2:<lines>
        with own_line_numbers the LIN count from 1 and name the item alone
CONTRL  UCI+<reference of the interchange>+<sender>+<recipient>+<7 taken | 4 rejected>+<0085 where rejected>
APERAK  BGM+313+<number>+27, DTM+137, RFF+ON:<order>, NAD+SU, ERC+<code>, FTX+AAO+++<text>
DESADV  BGM+351+<number>+9, DTM+137, DTM+17:<arrival>:102, RFF+ON:<order>::<revision>, NAD+SU, NAD+BY, CPS+1,
        per line LIN+<line>++<item>:BP, QTY+12:<quantity>:<unit>, RFF+ON:<order>:<line>; CNT+2:<lines>
"""
